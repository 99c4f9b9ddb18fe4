package account

import "os"

func (a Account) bits(os.FileInfo) os.FileMode { return 7 }
