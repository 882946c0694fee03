from digest.verp import *
from digest.verp import Token, Purpose, address, read, TOKEN, SEAL_LENGTH
