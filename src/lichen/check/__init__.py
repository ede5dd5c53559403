"""The promises that every source, detector and learner keeps, ours and a guest's; call them from your own tests."""
