"""What the product is compared with: small programs that do less, or do it the usual way."""
