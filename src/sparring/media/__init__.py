"""Reading and writing image and video files, and converting pixels."""
