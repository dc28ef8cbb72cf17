"""Ten thousand meters for a day through bridges that report them in pages."""
