import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { Connection } from '@platformatic/kafka'
import { expect, onTestFinished, test } from 'vitest'
import { produce, produceFormatOf } from '../../src/platformatic/produce.ts'

test('a connection over which a batch was not answered in time is reset, so that nothing of it arrives later', async () => {
  const ended: Promise<unknown>[] = []
  const server = createServer((socket: Socket) => {
    socket.resume()
    ended.push(
      Promise.race([
        once(socket, 'end').then(() => 'ended'),
        once(socket, 'error').then(([error]) => (error as NodeJS.ErrnoException).code),
      ]).catch((error: NodeJS.ErrnoException) => error.code),
    )
  })
  server.listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const connection = new Connection('daybook-test', { requestTimeout: 100 })
  await connection.connect('127.0.0.1', (server.address() as AddressInfo).port)
  const format = produceFormatOf([{ apiKey: 0, minVersion: 3, maxVersion: 13 }])
  if (format === undefined) throw new Error('There is no such format.')
  const sending = produce(connection, format, { topic: 'films', partition: 0 }, Buffer.alloc(100))
  await expect(sending).rejects.toThrow('timed out')
  expect(await Promise.all(ended)).toEqual(['ECONNRESET'])
})
