"""A test double of VK."""

from deploy.standins.vk.methods import Access
from deploy.standins.vk.standin import VkStandin

__all__ = ["Access", "VkStandin"]
