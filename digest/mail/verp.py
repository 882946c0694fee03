from digest.verp import *
