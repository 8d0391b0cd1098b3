"""Everything that lasts: records, the store, images, prompt sets, snapshots, config files."""
