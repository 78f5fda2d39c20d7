"""`sparring studio`: trained models in a web page, on this machine. (The extra `studio`.)

places.py           what was named on the command line, by ids that say nothing of paths
stage.py            one worker thread: the latest wish of every client, one client after the other
open_models.py      models, loaded when they are first asked for
asked.py            what a page asks for, checked
answers.py          what each wish is answered with, by
                    steer.py, lines.py, sequences.py, translate.py, nearest.py and learn.py
same_file.py        the command line and the Python that write the same file
watch.py            a run directory, read as it grows
guard.py            who may ask: token, Host, Origin; headers of every answer
server.py           routes, and the life of the server
page/               the page: HTML, CSS and modules without a build
"""
