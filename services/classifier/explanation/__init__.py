"""Why a comment was judged as it was."""
