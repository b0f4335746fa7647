fqYT6wt++AIm170s+QTQHu+wWMGp6jAqirfH+tZt+rG+UJvlEZWIt9xfmgHrhYmJP79WzCkGNgCmlc27S81yAg==
