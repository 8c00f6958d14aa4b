import type { Target } from '@daybook/core'
import type { Film } from './film.ts'
import { guardedStore } from './guarded-store.ts'

/** The library: every film, whole. */
export function library(file: string): Target<Film> {
  const tables = `CREATE TABLE IF NOT EXISTS films (
    key TEXT PRIMARY KEY, title TEXT NOT NULL, released TEXT NOT NULL, director TEXT, rating REAL
  ) STRICT;`
  return guardedStore(file, tables, (store) => {
    const save = store.prepare('INSERT OR REPLACE INTO films VALUES (?, ?, ?, ?, ?)')
    const remove = store.prepare('DELETE FROM films WHERE key = ?')
    return (key, film) => {
      if (film === undefined) remove.run(key)
      else save.run(key, film.title, film.released, film.director, film.rating)
    }
  })
}

/** A full-text index of titles. */
export function searchIndex(file: string): Target<Film> {
  const tables = 'CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (title, key UNINDEXED);'
  return guardedStore(file, tables, (store) => {
    const add = store.prepare('INSERT INTO words (title, key) VALUES (?, ?)')
    const remove = store.prepare('DELETE FROM words WHERE key = ?')
    return (key, film) => {
      remove.run(key)
      if (film !== undefined) add.run(film.title, key)
    }
  })
}

/** Who has directed what. This is the consumer that comes later. */
export function directors(file: string): Target<Film> {
  const tables = `CREATE TABLE IF NOT EXISTS directed (
    key TEXT PRIMARY KEY, director TEXT NOT NULL
  ) STRICT;`
  return guardedStore(file, tables, (store) => {
    const save = store.prepare('INSERT OR REPLACE INTO directed VALUES (?, ?)')
    const remove = store.prepare('DELETE FROM directed WHERE key = ?')
    return (key, film) => {
      if (film?.director) save.run(key, film.director)
      else remove.run(key)
    }
  })
}
