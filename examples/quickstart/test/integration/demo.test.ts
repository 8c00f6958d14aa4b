// needs: kafka, sqs

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { service } from '@daybook/services'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { queues } from '../../src/stage/queues.ts'

const main = join(import.meta.dirname, '../../src/main.ts')

beforeAll(async () => {
  await Promise.all([service('kafka'), service('sqs', queues['sqs']?.request)])
})

test('the demo runs whole on Kafka and on SQS', async () => {
  const runs = ['kafka', 'sqs'].map(async (queue) => {
    const child = spawn(process.execPath, ['--conditions=source', main, '--queue', queue], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')])
    expect(code, output).toBe(0)
    expect(output).toContain(`${queue}: runs already`)
    expect(output).toContain('0 lost, 0 duplicate rows, 0 out of order, 0 diverged')
  })
  await Promise.all(runs)
})
