"""Which fields each kind has, of which type, and under which protobuf number: data, read on demand."""
