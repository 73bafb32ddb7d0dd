"""Long runs whose figures the documentation quotes; each leaves its record in `records`."""
