"""What speaks for an answer, word by word: weighing, and showing it. numpy at most."""
