// What somebody who installed @daybook/core would write: typed, and run against the packed files.

import { createWal, defineTarget, fanOut, type } from '@daybook/core'

const applied: string[] = []
const wal = await createWal({
  directory: './wal-data',
  namespaces: {
    titles: fanOut({
      payload: type<{ name: string }>(),
      targets: {
        store: defineTarget.each<{ name: string }>(
          async (record) => {
            applied.push(`${record.key} ${record.payload?.name}`)
          },
          { idempotency: 'id' },
        ),
      },
    }),
  },
})
await wal.start()
await wal.namespace('titles').write({ key: 'tt0038787', payload: { name: 'Notorious' } })
await wal.drain({ timeout: '20s' })
await wal.close()
if (applied.join() !== 'tt0038787 Notorious') throw new Error(`applied: ${applied.join()}`)
