"""What flags and commands are called in other GAN programs, so that the command line can point to ours."""
