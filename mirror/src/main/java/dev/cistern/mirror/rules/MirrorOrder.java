package dev.cistern.mirror.rules;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * A common order of the elements of several lists. Each list is a path of a graph, which is sorted
 * with Kahn's algorithm. Nodes that become free together are taken alphabetically. If no node is
 * free because of a cycle, the alphabetically first one is taken. The order of the lists therefore
 * never matters.
 */
final class MirrorOrder {
  private final SortedMap<String, Node> nodes = new TreeMap<>();

  private MirrorOrder(Collection<List<String>> lists) {
    for (List<String> list : lists) {
      @Nullable Node before = null;
      for (String text : list) {
        Node node = nodes.computeIfAbsent(text, Node::new);
        if (before != null) {
          before.successors.add(node);
          node.predecessors.add(before);
        }
        before = node;
      }
    }
  }

  /** A text, with the texts that lists have directly behind and in front of it. */
  private static final class Node implements Comparable<Node> {
    private final String text;
    private final SortedSet<Node> successors = new TreeSet<>();
    private final Set<Node> predecessors = new HashSet<>();

    private Node(String text) {
      this.text = text;
    }

    @Override
    public int compareTo(Node other) {
      return text.compareTo(other.text);
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Node node && text.equals(node.text);
    }

    @Override
    public int hashCode() {
      return text.hashCode();
    }
  }

  /** Returns each text of {@code lists} once, in an order that respects theirs where possible. */
  static List<String> sorted(Collection<List<String>> lists) {
    return new MirrorOrder(lists).sorted();
  }

  /**
   * Returns the mirrors of {@code source}. The source is a node like any other, behind those of
   * each list that lacks it. It is left out only if it comes last. A wildcard source is always left
   * out, because no mirror can be a wildcard.
   *
   * @param lists the lists of mirrors, none of them empty
   */
  static List<String> ofMirrors(String source, Collection<List<String>> lists) {
    var paths = new ArrayList<List<String>>();
    for (List<String> list : lists) {
      var path = new ArrayList<>(list);
      if (!path.contains(source)) {
        path.add(source);
      }
      paths.add(path);
    }
    List<String> sorted = sorted(paths);
    if (Scopes.isWildcard(source)) {
      sorted.remove(source);
    } else if (sorted.getLast().equals(source)) {
      sorted.removeLast();
    }
    return sorted;
  }

  private List<String> sorted() {
    var unused = new TreeSet<>(nodes.values());
    Queue<Node> free = new ArrayDeque<>();
    unused.stream().filter(node -> node.predecessors.isEmpty()).forEach(free::add);
    var sorted = new ArrayList<String>();
    while (!unused.isEmpty()) {
      Node node = free.isEmpty() ? unused.first() : free.remove();
      unused.remove(node);
      sorted.add(node.text);
      for (Node next : node.successors) {
        next.predecessors.remove(node);
        if (next.predecessors.isEmpty() && unused.contains(next)) {
          free.add(next);
        }
      }
    }
    return sorted;
  }
}
