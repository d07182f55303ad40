"""PartiQL for single items: statements are translated into the requests that say the same with expressions."""
