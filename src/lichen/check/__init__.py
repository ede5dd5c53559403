"""The promises that every detector and learner keeps, ours and a guest's alike; call them from your own tests."""
