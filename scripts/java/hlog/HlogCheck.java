import java.io.FileInputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Map;
import java.util.TreeMap;
import org.HdrHistogram.EncodableHistogram;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.HistogramLogReader;

/**
 * Reads an interval log and the histograms of a result with HdrHistogram's own Java implementation, and prints what they
 * come to: lines `log TAG …` for the sums of the log's lines, `result TAG …` for the result's histograms, and
 * `equal TAG true|false` for whether the two hold the same counts in every cell.
 *
 * <p>Usage: HlogCheck LOG RESULT, where RESULT has lines `TAG BASE64`. Values are those of the log, nanoseconds.
 */
public final class HlogCheck {
  private static final double[] PERCENTILES = {50, 90, 95, 99, 99.9, 99.99};

  private HlogCheck() {}

  public static void main(String[] args) throws Exception {
    if (args.length != 2) {
      System.err.println("usage: HlogCheck LOG RESULT");
      System.exit(2);
    }
    PrintStream out = new PrintStream(System.out, false, "UTF-8");
    Map<String, Histogram> logged = logged(args[0], out);
    Map<String, Histogram> result = result(Path.of(args[1]));
    logged.forEach((tag, histogram) -> print(out, "log", tag, histogram));
    result.forEach((tag, histogram) -> print(out, "result", tag, histogram));
    result.forEach(
        (tag, histogram) -> out.println("equal " + tag + " " + histogram.equals(logged.get(tag))));
    out.flush();
  }

  /** The lines of each tag, added up. */
  private static Map<String, Histogram> logged(String path, PrintStream out) throws Exception {
    Map<String, Histogram> sums = new TreeMap<>();
    int lines = 0;
    double start;
    try (HistogramLogReader reader = new HistogramLogReader(new FileInputStream(path))) {
      while (reader.hasNext()) {
        EncodableHistogram line = reader.nextIntervalHistogram();
        if (line == null && !reader.hasNext()) {
          break; // nothing but comments after the last line
        }
        if (line == null) {
          throw new IllegalStateException("line " + lines + " is no histogram");
        }
        lines++;
        Histogram own = (Histogram) line;
        Histogram sum = sums.get(own.getTag());
        if (sum == null) {
          sums.put(own.getTag(), own);
        } else {
          sum.add(own);
        }
      }
      start = reader.getStartTimeSec();
    }
    out.printf("lines %d start %.3f%n", lines, start);
    return sums;
  }

  private static Map<String, Histogram> result(Path path) throws Exception {
    Map<String, Histogram> histograms = new TreeMap<>();
    for (String line : Files.readAllLines(path, StandardCharsets.UTF_8)) {
      String[] parts = line.split(" ");
      ByteBuffer bytes = ByteBuffer.wrap(Base64.getDecoder().decode(parts[1]));
      histograms.put(parts[0], Histogram.decodeFromCompressedByteBuffer(bytes, 0));
    }
    return histograms;
  }

  /** Kind, tag, count, highest value of the maximum's cell, and the percentiles. */
  private static void print(PrintStream out, String kind, String tag, Histogram histogram) {
    StringBuilder line = new StringBuilder(kind).append(' ').append(tag);
    line.append(' ').append(histogram.getTotalCount()).append(' ').append(histogram.getMaxValue());
    for (double percentile : PERCENTILES) {
      line.append(' ').append(histogram.getValueAtPercentile(percentile));
    }
    out.println(line);
  }
}
