package dev.cistern.server.cli.objects;

import java.util.ArrayList;
import java.util.List;

/**
 * Text with cells that end with tabs, aligned like Go's {@code text/tabwriter} does with tabs of 8.
 * A column is a block of adjacent lines that have a cell there, and is as wide as its widest cell.
 * The last cell of a line belongs to no column.
 */
final class TabbedText {
  private static final int TAB = 8;
  private static final int PADDING = 1;

  private final List<String[]> lines;
  private final StringBuilder out = new StringBuilder();

  private TabbedText(List<String[]> lines) {
    this.lines = lines;
  }

  /** Returns a text with aligned columns. */
  static String aligned(String text) {
    var lines = new ArrayList<String[]>();
    for (String line : text.split("\n", -1)) {
      lines.add(line.split("\t", -1));
    }
    var tabbed = new TabbedText(lines);
    tabbed.block(List.of(), 0, lines.size());
    tabbed.out.setLength(tabbed.out.length() - 1);
    return tabbed.out.toString();
  }

  /** Writes lines whose first columns have the given widths. */
  private void block(List<Integer> widths, int from, int to) {
    int column = widths.size();
    int written = from;
    for (int i = from; i < to; i++) {
      if (column >= lines.get(i).length - 1) {
        continue;
      }
      write(widths, written, i);
      int end = i;
      int width = 0;
      while (end < to && column < lines.get(end).length - 1) {
        width = Math.max(width, length(lines.get(end)[column]) + PADDING);
        end++;
      }
      var more = new ArrayList<>(widths);
      more.add(width);
      block(more, i, end);
      written = end;
      i = end;
    }
    write(widths, written, to);
  }

  private void write(List<Integer> widths, int from, int to) {
    for (String[] cells : lines.subList(from, to)) {
      for (int column = 0; column < cells.length; column++) {
        out.append(cells[column]);
        if (column < widths.size() && column < cells.length - 1) {
          int wide = (widths.get(column) + TAB - 1) / TAB * TAB;
          out.repeat("\t", (wide - length(cells[column]) + TAB - 1) / TAB);
        }
      }
      out.append('\n');
    }
  }

  private static int length(String cell) {
    return cell.codePointCount(0, cell.length());
  }
}
