import { phase } from '../../src/harness/phase.ts'

interface Task {
  readonly wish: 'answer' | 'fail' | 'exit' | 'hang'
  readonly bytes?: Uint8Array
}

/** Does in a child what the test wishes. */
export const examplePhase = phase(import.meta.url, async ({ wish, bytes }: Task) => {
  if (wish === 'fail') throw new Error('the disk is full')
  if (wish === 'exit') process.exit(3)
  if (wish === 'hang') {
    console.log(process.pid)
    await new Promise((resolve) => setTimeout(resolve, 2 ** 30))
  }
  const { user, system } = process.cpuUsage()
  const hasGc = globalThis.gc !== undefined
  return { pid: process.pid, hasGc, bytes, cpuMs: (user + system) / 1000 }
})
