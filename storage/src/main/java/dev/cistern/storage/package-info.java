/** The storage: content by digest on disk, and the facts about it in RocksDB. */
@NullMarked
package dev.cistern.storage;

import org.jspecify.annotations.NullMarked;
