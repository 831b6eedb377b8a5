"""The same work done by what one would pick instead of neurobatch, so that "fast" has something to stand beside.

For every JPEG: decode, our preprocessing, one forward pass of our network, the label with its four calibrated
probabilities, Grad-CAM, and on disk an overlay and the raw map, with one row of results per scan. The usual Keras
script does it as it is mostly written. The three servers (BentoML, LitServe, MLServer) call our own inference code, so
what is compared is the serving alone; each is set up by its own performance guide, and what was tried beyond that
stands in its module. They know no retries, no database and no fsync, which is in their favour.

Each has an environment of its own, since their pins exclude each other's and ours. `work`, the servers, the client
and the usual script run in those; all else runs in ours.
"""
