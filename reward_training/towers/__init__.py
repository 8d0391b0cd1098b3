"""What sees images and reads texts: backbones, how they are opened, and what of them is trained."""
