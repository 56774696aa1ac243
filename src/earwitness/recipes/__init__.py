"""Published experiments, each as one function on the public interface: `earwitness reproduce NAME`."""
