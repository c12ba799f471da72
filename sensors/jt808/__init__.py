"""JT/T 808, the protocol in which terminals of trucks in China report: frames, what they say, and a server for them.

Source: JT/T 808-2011, -2013 and -2019, "Terminal communication protocol and data format of road transport vehicle
satellite positioning system"; the frames of the tests are those that terminals of several makers sent.
"""
