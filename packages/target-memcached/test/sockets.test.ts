import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { Sockets } from '../src/sockets.ts'

/** As a socket of the system writes, and how many pieces each of its calls had. */
function countingSocket() {
  const calls: number[] = []
  const socket = new Writable({
    write(_chunk, _encoding, done) {
      calls.push(1)
      done()
    },
    writev(chunks, done) {
      calls.push(chunks.length)
      done()
    },
  })
  return { socket, calls }
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

test('what a batch writes to a socket in one turn goes out in one call, also behind promises', async () => {
  const { socket, calls } = countingSocket()
  const sockets = new Sockets()
  for (let turn = 0; turn < 2; turn++) {
    await Promise.all(
      [1, 2, 3].map(async (number) => {
        await Promise.resolve()
        sockets.writeTogether(socket)
        socket.write(`${number}`)
      }),
    )
    await nextTurn()
  }
  expect(calls).toEqual([3, 3])
})

test('a socket that is gone before the turn ends, or cannot hold anything back, is let be', async () => {
  const { socket, calls } = countingSocket()
  const sockets = new Sockets()
  sockets.writeTogether(socket)
  socket.destroy()
  sockets.writeTogether({})
  sockets.writeTogether(undefined)
  await nextTurn()
  expect(calls).toEqual([])
  expect(socket.writableCorked).toBe(0)
})
