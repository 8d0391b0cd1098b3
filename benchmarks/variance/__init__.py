"""Which of a trajectory's noises does the variance of its reward come from?"""
