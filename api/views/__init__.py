"""What answers look like where that takes more than copying a row: values put into words and names."""
