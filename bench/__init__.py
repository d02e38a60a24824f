"""What the product costs, beside the least it could cost and what people write first. See docs/performance.md."""
