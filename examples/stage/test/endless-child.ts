// An example that never ends: `endless-child.ts <file>` leaves its pid there.

import { writeFileSync } from 'node:fs'

writeFileSync(process.argv[2] ?? '', `${process.pid}`)
setInterval(() => {}, 60_000)
