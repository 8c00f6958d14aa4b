import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const cli = join(import.meta.dirname, '../src/cli.ts')

test.each([['upp'], ['toString'], ['constructor'], ['status', 'kafkaa'], ['status', 'toString']])(
  'a command or a server that there is not is answered with those that there are: %s %s',
  (...words) => {
    const { status, stderr } = spawnSync(process.execPath, [cli, ...words], { encoding: 'utf8' })
    expect(status).toBe(2)
    expect(stderr).toContain('npm run services -- COMMAND [NAME …]')
    if (words[1] !== undefined) expect(stderr).toContain(`There is no server named ${words[1]}.`)
  },
)
