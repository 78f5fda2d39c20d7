"""The command line `sparring`: one file per command, and the machinery they share. Nothing heavy is imported before it is known which
command is wanted.

main.py             entry point: finds the command, runs it, turns errors into one message and an exit code
verbs.py            the table of commands
help_pages.py       what `--help` prints
exit_codes.py       exit codes
arguments/          what commands accept, and how words are checked and corrected before they run
other_programs/     what flags and commands are called in other GAN programs
"""
