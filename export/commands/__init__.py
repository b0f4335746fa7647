"""The larger commands of `onsight-export`, one file each."""
