"""Files that appear whole or not at all, their hashes, and the cache; downloads are in `mobile_deploy.files.download`.

Everything is written under a hidden temporary name beside its destination and then renamed, which every system does in
one step. An interruption at any moment leaves the old content, the new content or nothing, never a mix.
"""

from mobile_deploy.files.directories import write_directories, write_directory
from mobile_deploy.files.hashes import sha256_of_bytes, sha256_of_file
from mobile_deploy.files.paths import (
    cache_directory,
    check_writable,
    is_folder,
    reason_in_words,
    refusals_named,
    write_file,
)

__all__ = [
    "cache_directory",
    "check_writable",
    "is_folder",
    "reason_in_words",
    "refusals_named",
    "sha256_of_bytes",
    "sha256_of_file",
    "write_directories",
    "write_directory",
    "write_file",
]
