"""Music: songs from files, cut into phrases, as piano rolls."""
