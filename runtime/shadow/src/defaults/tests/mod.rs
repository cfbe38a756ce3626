mod go_source;
