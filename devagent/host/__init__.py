"""Floor 2: the extensions: their manifests, their code, their arguments."""
