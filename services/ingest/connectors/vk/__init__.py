"""VK: communities' walls, photos, videos, goods and topics. What needs which credential stands in docs/connect-vk.md."""
