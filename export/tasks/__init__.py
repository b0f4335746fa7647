"""What the meta-model is trained and measured on: sets of rows, and tasks drawn from them."""
