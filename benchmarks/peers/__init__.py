"""Other people's solvers, each given the best model of our problems that its own words allow; what is bent is said.

A peer gets a problem and a time and returns what every truck visits. It never times or prices its own result: that is
done alike for all. The problems measured have one stream, equal trucks and at most one window a stop.
"""
