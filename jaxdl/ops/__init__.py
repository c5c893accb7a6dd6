"""Operations with gradients of their own."""
