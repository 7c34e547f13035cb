"""S3: objects and folders of a bucket, and blocks that are kept in one."""
