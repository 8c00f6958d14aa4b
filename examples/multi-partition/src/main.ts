import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { auditBooks, openShop } from './shop.ts'

const directory = await mkdtemp(join(tmpdir(), 'daybook-multi-partition-'))

/** Runs a life of the shop; kills it once it is busy, if asked to. */
function live(from: number, to: number, { kills = false, brokenFor = '' } = {}): Promise<void> {
  const script = join(import.meta.dirname, 'life.ts')
  const args = ['--conditions=source', script, directory, `${from}`, `${to}`, brokenFor]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  child.stdout.on('data', (text) => {
    if (kills && `${text}`.includes('busy')) child.kill('SIGKILL')
  })
  return new Promise((resolve, reject) => {
    child.on('close', (code, signal) => {
      if (code === 0 || (kills && signal === 'SIGKILL')) resolve()
      else reject(new Error(`a life of the shop ended with ${code ?? signal}`))
    })
  })
}

function ordersIn(file: string): ReadonlySet<string> {
  const path = join(directory, file)
  return new Set(existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [])
}

try {
  await live(0, 100, { kills: true })
  console.log(`killed once ${ordersIn('sealed').size} orders were sealed; started again`)
  await live(100, 200, { brokenFor: 'cleo' })

  const shop = await openShop(directory)
  const [group] = await shop.shop.deadLetters.groups()
  console.log(`${group?.count ?? 0} orders are parked: ${group?.message ?? 'none'}`)
  await shop.wal.start()
  const { redriven } = await shop.shop.deadLetters.redrive('all')
  await shop.wal.drain()
  console.log(`the index is mended, ${redriven.length} were redriven and went on where they stood`)

  const wrong = auditBooks(shop, ordersIn('sealed'), ordersIn('dropped'))
  const orders = [...shop.database.rows.keys()].filter((key) => key.startsWith('order ')).length
  console.log(`${orders} orders in the books, ${ordersIn('dropped').size} dropped`)
  await shop.wal.close()
  for (const line of wrong) console.error(line)
  console.log(wrong.length === 0 ? 'the books are right' : `${wrong.length} mistakes in the books`)
  process.exitCode = wrong.length === 0 ? 0 : 1
} finally {
  await rm(directory, { recursive: true, force: true })
}
