"""Which host gets a request, whether it gets another try, what is too much: pure; time and chance are arguments."""
