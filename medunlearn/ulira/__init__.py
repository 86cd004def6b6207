"""U-LiRA: can images that shadow models have learned and forgotten be distinguished from images that they never had?"""
