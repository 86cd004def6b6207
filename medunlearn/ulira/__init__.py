"""U-LiRA: can images that shadow models have learned and forgotten be told from images that they never had?"""
