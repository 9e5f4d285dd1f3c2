"""Runs the steps of a pipeline that make documents in this process, without any server.

    source's last step → transform → identity

It is the code that runs in NiFi, over a session in plain Python: a preview and a run cannot differ.
"""
