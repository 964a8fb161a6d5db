"""The main job for real, on a bare machine: fill, save under load, destroy, restore, prove."""
