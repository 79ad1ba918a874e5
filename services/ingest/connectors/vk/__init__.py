"""VK: communities' walls, photos, videos, goods and topics; which credential does what: docs/connect-vk.md."""
