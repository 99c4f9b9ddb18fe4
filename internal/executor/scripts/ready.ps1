# In the session that an attempt will get: loads what every attempt needs and shows nothing of it.
'' | Microsoft.PowerShell.Utility\Out-String | Microsoft.PowerShell.Core\Out-Null
